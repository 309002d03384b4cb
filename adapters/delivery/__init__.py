"""How people and other systems are told: notices spread into a ledger, rows of it carried by senders."""
