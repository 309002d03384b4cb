"""Makes a lone mongod the primary of a one-node replica set, so that it has transactions and streams."""

from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

NAME = "millwright"
NOT_YET_INITIATED = 94
ASK_WITHIN_MS = 500


def uri(port: int) -> str:
    return f"mongodb://127.0.0.1:{port}/?replicaSet={NAME}"


def lead(port: int) -> bool:
    """Moves the server one step towards primary; True once it is. Call it until then."""
    client: MongoClient[dict[str, Any]] = MongoClient(
        "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=ASK_WITHIN_MS
    )
    try:
        hello = client.admin.command("hello")
        if hello.get("isWritablePrimary"):
            return True
        if "setName" not in hello:
            _configure(client, port)
    except PyMongoError:
        # Still starting, or between two states of an election: the caller's deadline decides.
        return False
    finally:
        client.close()
    return False


def _configure(client: MongoClient[dict[str, Any]], port: int) -> None:
    members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as refused:
        if refused.code != NOT_YET_INITIATED:
            raise
        client.admin.command("replSetInitiate", {"_id": NAME, "members": members})
        return
    # The data knows itself under the port of an earlier start; alone, it finds no majority to ask.
    if config["members"][0]["host"] != members[0]["host"]:
        config |= {"members": members, "version": config["version"] + 1}
        client.admin.command("replSetReconfig", config, force=True)
