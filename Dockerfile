# The command line in a container: docker build -t rag . && docker run --rm -v "$PWD:/data" rag ingest docs --into kb
# Nothing is fetched when it runs: the model is fetched while it is built.
FROM python:3.13-slim AS build
# Groups of pyproject.toml beside the core, with commas between them.
ARG EXTRAS=documents,spelling
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
ENTRYPOINT ["rag"]
CMD ["--help"]
