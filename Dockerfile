# crossdock in a container; docs/how-to/run-for-good.md tells how to start it.

FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY engine engine
COPY plugins plugins
# The environment goes to the second stage whole, with its compiled modules and without pip.
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheel . \
 && python -m venv --without-pip /crossdock \
 && python -m pip --python /crossdock/bin/python install --no-cache-dir --compile /wheel/*.whl

FROM python:3.13-slim
RUN groupadd --gid 10001 crossdock \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/crossdock --shell /usr/sbin/nologin crossdock \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/crossdock \
 && install --directory /etc/crossdock
COPY --from=build /crossdock /crossdock
# Nothing but /var/lib/crossdock need be writable: no bytecode is written, and a crash shows its stack on stderr.
ENV PATH=/crossdock/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONFAULTHANDLER=1 \
    CROSSDOCK_CONFIG=/etc/crossdock/stores.yaml
# By its number, which Kubernetes can tell from root's.
USER 10001:10001
WORKDIR /var/lib/crossdock
VOLUME /var/lib/crossdock
EXPOSE 8420
STOPSIGNAL SIGTERM
# Past any HTTP_PROXY, which http.client doesn't know. A database that has to be migrated first may take its time.
HEALTHCHECK --interval=30s --timeout=5s --start-period=5m CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8420, timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["crossdock"]
CMD ["run"]
