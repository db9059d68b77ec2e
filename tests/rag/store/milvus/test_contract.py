"""Milvus Lite keeps the contract of stores: no test of it is left out or changed.

Where Lite differs is beside the contract, and each is tested or named in docs/how-to/milvus.md:

- a file serves one process, readers included: test_server.py, ``test_a_file_serves_one_process``;
- a writer's lock on a server outlives a killed writer: the same file;
- indexes other than exact ones are refused: the same file, ``test_what_cannot_be_opened_is_told``;
- a search among ids may find too little, and is completed: test_vectors.py;
- at most 16,384 chunks are found by vectors, a power cut may cost commits of an ingest that has not ended, and the
  bytes of purged rows go when Lite compacts: untested.
"""

from __future__ import annotations

import pytest

from rag.testing.store_contract import StoreContract
from tests.milvus_needed import needs_milvus


@needs_milvus
class TestMilvusLite(StoreContract):
    """The fixture ``place`` is in conftest.py."""

    place = None


for _name in (  # each commit of Lite takes a twentieth of a second and more
    "test_a_source_holds_what_it_gave_last",
    "test_a_copy_that_is_cut_short_goes_on",
    "test_a_failing_embedder_undoes_no_commit",
    "test_changes_its_indexes",
    "test_counts_what_it_holds",
    "test_finds_what_a_folder_finds",
    "test_is_copied_there_and_back",
    "test_hidden_sources_are_not_found",
    "test_knows_what_it_was_made_with",
    "test_refuses_what_is_not_there",
    "test_threads_share_it",
    "test_unchanged_documents_cost_nothing",
):
    setattr(TestMilvusLite, _name, pytest.mark.slow(getattr(StoreContract, _name)))
