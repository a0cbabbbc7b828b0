"""The jars of the peers in Java, for all benchmarks that run one."""

import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

_POM = Path(__file__).resolve().parent / "peers" / "pom.xml"


class PeerError(Exception):
    """The peer cannot be run; the text is for people."""


def peer_jars() -> Path:
    """The folder of the jars that peers/pom.xml names, fetched once; PeerError where that cannot be done."""
    jars = Path.home() / ".cache" / "xunqun" / f"peer-jars-{sha256(_POM.read_bytes()).hexdigest()[:12]}"
    if not jars.exists():
        jars.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="xunqun-peer-", dir=jars.parent) as folder:
            copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}/jars"]
            command = ["mvn", "-q", "-B", "-f", str(_POM), *copy]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=900)
            except FileNotFoundError as error:
                raise PeerError("mvn, which fetches its jars once, is not installed") from error
            if done.returncode:
                raise PeerError(f"Maven could not fetch its jars; it needs the network once.\n{done.stdout[-1500:]}")
            (Path(folder) / "jars").rename(jars)
    return jars
