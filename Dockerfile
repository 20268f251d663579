# The image: Python, the locked packages, sisdrop. No compiler and no pip is left in it.
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all: PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.lock requirements-build.lock ./
RUN python -m venv --without-pip /opt/sisdrop \
 && pip --python /opt/sisdrop/bin/python install --require-hashes -r requirements.lock \
 && python -m venv tools \
 && tools/bin/pip install --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md ./
COPY service service
COPY docs/runbooks docs/runbooks
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels . \
 && pip --python /opt/sisdrop/bin/python install --no-deps --no-index wheels/*.whl

FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sisdrop" \
      org.opencontainers.image.description="Checks patron XML from a share and delivers it to Alma by SFTP" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The base brings what installs packages; a service has no use for it. What only says that pip is
# there goes, too, or a scanner would go on warning of it.
RUN site=$(python -c "import pathlib, pip; print(pathlib.Path(pip.__file__).parent.parent)") \
 && library=$(python -c "import sysconfig; print(sysconfig.get_path('stdlib'))") \
 && rm -rf "$site"/pip "$site"/pip-*.dist-info "$library"/ensurepip /usr/local/bin/pip* /usr/bin/pip*
COPY --from=build /opt/sisdrop /opt/sisdrop
ENV PATH=/opt/sisdrop/bin:$PATH PYTHONDONTWRITEBYTECODE=1
# A number, so that Kubernetes can see that it is not root. Any other will do.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["sisdrop"]
CMD ["run"]
