# The command line in a container: docker build -t rag . && docker run --rm -v "$PWD:/data" rag ingest docs --into kb
# The server: docker run --rm -p 8080:8080 --read-only --tmpfs /tmp -v "$PWD/kb:/data/kb:ro" -v "$PWD/token:/run/secrets/token:ro" \
#     rag serve kb --host 0.0.0.0 --token-file /run/secrets/token
# The knowledge base may be read-only; keys and tokens come with a mount, never into the image.
# Nothing is fetched when it runs: the model is fetched while it is built.
FROM python:3.13-slim AS build
# Groups of pyproject.toml beside the core, with commas between them.
ARG EXTRAS=documents,mcp,server,spelling
WORKDIR /source
COPY . .
RUN python -m venv /opt/rag \
    && /opt/rag/bin/pip install --no-cache-dir -c constraints.txt ".[${EXTRAS}]"

FROM python:3.13-slim
COPY --from=build /opt/rag /opt/rag
ENV PATH=/opt/rag/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HF_HUB_OFFLINE=1
RUN useradd --create-home --uid 1000 rag \
    && mkdir /data \
    && chown rag:rag /data
USER 1000
RUN rag models fetch
WORKDIR /data
EXPOSE 8080
ENTRYPOINT ["rag"]
CMD ["--help"]
