# One image for gateway and worker: `docker run jobgate gateway …`, `docker run jobgate worker MODULE.WorkerSettings …`.
# tests/integration/system/test_dockerfile.py runs these steps without a container engine.
ARG PYTHON=3.13-slim

FROM python:${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements/build.txt requirements/image.txt requirements/
RUN python -m venv /tools && /tools/bin/python -m pip install --require-hashes -r requirements/build.txt
RUN python -m venv --without-pip /opt/jobgate
RUN /tools/bin/python -m pip --python /opt/jobgate/bin/python install --require-hashes -r requirements/image.txt
COPY pyproject.toml MANIFEST.in README.md LICENSE openapi.yaml ./
COPY .types/ .types/
COPY arq_api/ arq_api/
COPY broker/ broker/
COPY cli/ cli/
COPY client/ client/
COPY gateway/ gateway/
COPY testing/ testing/
COPY worker/ worker/
RUN /tools/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /dist .
RUN /tools/bin/python -m pip --python /opt/jobgate/bin/python install --no-deps /dist/*.whl

# This stage runs nothing. It contains Python, the installed packages, and an unprivileged user.
FROM python:${PYTHON}
COPY --from=build /opt/jobgate /opt/jobgate
ENV PATH=/opt/jobgate/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# For images built on this one: the base image's pip installs into jobgate's environment.
ENV PIP_PYTHON=/opt/jobgate/bin/python PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# A worker serves /livez on the gateway's port, so one health check fits both. With another port, set
# JOBGATE_HEALTH_URL too.
ENV JOBGATE_WORKER_METRICS_PORT=8080 JOBGATE_WORKER_METRICS_HOST=0.0.0.0
# Workers look for their settings module here.
WORKDIR /app
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["jobgate", "health"]
ENTRYPOINT ["jobgate"]
CMD ["--help"]
