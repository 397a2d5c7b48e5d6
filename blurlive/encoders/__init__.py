"""How each kind of clip is written: videos, animations, folders of frames, contact sheets.

An encoder is a context manager ``(path, clip) -> sink``: the sink is called with every frame ``(H, W, 3)`` uint8 RGB
in playing order, and leaving the context finishes the file. Encoders raise OSError and know nothing of the name that
the file will have: ``writers.open_writer`` gives them a temporary path, and turns their errors into OutputError.
"""
