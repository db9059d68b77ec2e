"""``rag mcp``: a knowledge base as tools of the Model Context Protocol."""

from __future__ import annotations

from contextlib import suppress

from rag.errors import ExtraMissing

from .options import KnowledgeBasePath
from .pipeline_options import PipelineOptions, tell, with_pipeline_settings

_AT_ONCE = 16


@with_pipeline_settings
def command(kb: KnowledgeBasePath, pipeline: PipelineOptions) -> None:
    """Give programs such as Claude Desktop and editors the tools search, fetch and ask, over standard input and output.

    Needs the extra `mcp`. How questions are answered is what the knowledge base stores, see `rag configure`.
    """
    try:
        from ..server.mcp_tools import tools
        from ..server.principals import EVERYBODY
        from ..server.views import AllowedView
    except ImportError as error:
        raise ExtraMissing(
            f"the Model Context Protocol needs {error.name}: pip install 'rag-workbench[mcp]'"
        ) from error
    from ..server.collections import opened

    with opened([kb], pipeline.of, at_once=_AT_ONCE) as collections:
        collection = collections.get(None)
        tell(collection.bot.notes)
        with suppress(KeyboardInterrupt):  # its ordinary end
            tools(collection.name, lambda _: AllowedView(collections.get(None), EVERYBODY), collections.refresh).run(
                "stdio"
            )
