"""For mkdocs: pages of docs/zh are marked as Chinese, for browsers' fonts and for readers aloud."""

from __future__ import annotations

from typing import Any


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    if page.file.src_uri.startswith("zh/"):
        return output.replace('<html lang="en"', '<html lang="zh-Hans"', 1)
    return output
