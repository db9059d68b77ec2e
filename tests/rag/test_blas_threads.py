"""Searches at a time leave BLAS one thread, and give the others back."""

import threading

import pytest
from threadpoolctl import OpenBLASController, threadpool_info, threadpool_limits

from rag import Document, KnowledgeBase, Retriever
from rag.blas_threads import one_blas_thread, one_search
from rag.embedding import HashingEmbedder


def numpys_blas_threads():
    """Numpy's library shares its threads in the process; faiss's has threads of its own for each thread that calls."""
    own = [each for each in threadpool_info() if each["user_api"] == "blas" and each["threading_layer"] == "pthreads"]
    if not own:
        pytest.skip("numpy's BLAS has no threads that a process shares")
    return max(each["num_threads"] for each in own)


@pytest.fixture(autouse=True)
def _two_threads():
    """Give BLAS two threads to begin with, also where one processor would have given it one."""
    with threadpool_limits(limits=2, user_api="blas"):
        OpenBLASController.clear_controlling_thread()  # else no other thread may set it
        yield


def test_one_search_keeps_the_threads():
    with one_search():
        assert numpys_blas_threads() == 2


def test_two_searches_have_one_thread_each_until_one_of_them_is_over():
    with one_search():
        with one_search():
            assert numpys_blas_threads() == 1
        assert numpys_blas_threads() == 2
    assert numpys_blas_threads() == 2


def test_another_search_than_the_one_that_set_the_limit_lifts_it():
    over, seen = threading.Event(), threading.Event()

    def search():
        with one_search():
            seen.set()
            over.wait(60)

    with one_search():
        thread = threading.Thread(target=search)
        thread.start()
        seen.wait(60)
        assert numpys_blas_threads() == 1
    assert numpys_blas_threads() == 2
    over.set()
    thread.join()


def test_one_thread_for_as_long_as_it_is_held():
    with one_blas_thread():
        assert numpys_blas_threads() == 1
        with one_search(), one_search():
            assert numpys_blas_threads() == 1
        assert numpys_blas_threads() == 1
    assert numpys_blas_threads() == 2


def test_an_error_gives_the_threads_back():
    with pytest.raises(ValueError, match="broken"), one_blas_thread():
        raise ValueError("broken")
    assert numpys_blas_threads() == 2


def test_searches_of_a_retriever_that_meet_have_one_thread_each(tmp_path):
    """Two searches wait for each other inside of the embedder, and look."""
    both, seen = threading.Barrier(2, timeout=60), []

    class Meeting(HashingEmbedder):
        meet = False

        def embed_queries(self, texts):
            if self.meet:
                both.wait()
                seen.append(numpys_blas_threads())
                both.wait()
            return super().embed_queries(texts)

    embedder = Meeting()
    with KnowledgeBase.create(tmp_path / "kb", embedder=embedder, chunker="document") as kb:
        kb.add([Document.from_text("Otters hold hands.", id="otters"), Document.from_text("Tea is hot.", id="tea")])
        retriever = Retriever(kb)
        retriever.search("What is hot?")
        embedder.meet = True
        searches = [threading.Thread(target=retriever.search, args=(q,)) for q in ("Who holds hands?", "What is hot?")]
        for each in searches:
            each.start()
        for each in searches:
            each.join()
    assert seen == [1, 1]
    assert numpys_blas_threads() == 2
