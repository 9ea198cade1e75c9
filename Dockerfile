# The API, the worker and the `tongyu` command in one image. Build: docker build -t tongyu .
# Run needs TONGYU_MONGODB_URI and a key-encryption key (TONGYU_KEK_FILE); no secret is in the image.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
WORKDIR /src
COPY requirements/uv.lock requirements/serve.lock requirements/
RUN python -m venv /opt/tongyu \
 && pip install --no-cache-dir --require-hashes -r requirements/uv.lock \
 && VIRTUAL_ENV=/opt/tongyu uv pip install --no-cache --require-hashes -r requirements/serve.lock
COPY pyproject.toml README.md ./
COPY backend backend
COPY graphql_schema graphql_schema
COPY notifications notifications
RUN VIRTUAL_ENV=/opt/tongyu uv pip install --no-cache --no-deps .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin tongyu
COPY --from=build /opt/tongyu /opt/tongyu
ENV PATH=/opt/tongyu/bin:$PATH PYTHONUNBUFFERED=1 TONGYU_HOST=0.0.0.0 TONGYU_PORT=8000
USER 10001
WORKDIR /var/empty
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"TONGYU_PORT\"]}/readyz', timeout=2)"]
ENTRYPOINT ["tongyu"]
CMD ["serve"]
