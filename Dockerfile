# docker build --build-arg BASE=python:3.11-slim-bookworm@sha256:… .
# Every step is relative to WORKDIR: tests/k8s/image.py takes the same ones where there is no Docker.
ARG BASE

FROM ${BASE} AS build
WORKDIR /srv/millwright
COPY pyproject.toml uv.lock ./
RUN python -m venv .uv && .uv/bin/python -m pip install --quiet --no-cache-dir \
    "$(sed -n 's/^ *"\(uv==[^"]*\)".*/\1/p' pyproject.toml)"
RUN .uv/bin/uv sync --frozen --no-default-groups --no-cache --quiet \
    && .uv/bin/uv export --frozen --no-default-groups --no-cache --quiet \
    --format cyclonedx1.5 --output-file sbom.cdx.json
COPY millwright ./
COPY adapters adapters
COPY api api
COPY cli cli
COPY domain domain
COPY frontend/dist frontend/dist
COPY locks locks
COPY migrations migrations
COPY schedules schedules
COPY tasks tasks
COPY workers workers
# The disk will be read-only: without this each start would compile all of it anew.
RUN .venv/bin/python -m compileall -q --invalidation-mode unchecked-hash \
    adapters api cli domain locks migrations schedules tasks workers \
    && rm -r .uv pyproject.toml uv.lock

FROM ${BASE}
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Millwright" \
      org.opencontainers.image.description="Work orders, preventive maintenance and offline field work." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      io.millwright.sbom="/srv/millwright/sbom.cdx.json"
WORKDIR /srv/millwright
COPY --from=build /srv/millwright ./
ENV PATH=/srv/millwright/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    APP_ENV=production \
    HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000 9100
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s CMD ["python", "-m", "cli.healthcheck"]
CMD ["python", "-m", "api"]
