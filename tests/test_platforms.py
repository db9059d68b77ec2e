"""What Windows and macOS do otherwise, as far as Linux can show it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="plays other systems on Linux")
HERE = str(Path(__file__).parent)


def on_windows(code: str, folder: Path) -> str:
    """Run code in a process from which POSIX is hidden; return what it prints."""
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {HERE!r})\n{code}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_every_module_is_imported_and_a_knowledge_base_works_without_posix(tmp_path):
    """Make, lock, change and search one; write a file; save an index by a library that needs a file for it."""
    said = on_windows(
        "import windows; assert windows.import_everything_again() > 300\n"
        "import indexes, numpy as np\n"
        "from rag import Document, KnowledgeBase\n"
        "from rag.errors import StoreLocked\n"
        "from rag.whole_file import whole_file\n"
        "text = Document.from_text\n"
        "with KnowledgeBase.create('kb', embedder='hashing-64') as kb:\n"
        "    kb.add([text('Otters hold hands.', id='a'), text('Zebras sleep standing.', id='b')])\n"
        "    try: KnowledgeBase.open('kb', mode='w', embedder='hashing-64')\n"
        "    except StoreLocked as error: print('locked by', str(error).split('written by ')[1].split(';')[0])\n"
        "with KnowledgeBase.open('kb', mode='w', embedder='hashing-64') as kb:\n"
        "    kb.remove('b'); kb.purge(); print(len(kb.document_ids()), kb.verify())\n"
        "with whole_file('out.txt') as out: out.write('whole')\n"
        "print(open('out.txt').read())\n"
        "index = indexes.dense('flann', 8); index.build(np.eye(8, dtype='float32'), range(8)); index.save('ix')\n"
        "print(indexes.load('ix').search(np.eye(8, dtype='float32')[:1], 1).ids[0, 0])\n",
        tmp_path,
    )
    assert said.startswith("locked by process ")
    assert "\nwhole\n0\n" in said
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".out")]
