"""`squeezesam web`: a page that runs an export in the browser."""

import argparse
from pathlib import Path

HELP = "write a page that segments photos in the browser, for any static server"
GROUP = "ship"
EXAMPLE = "squeezesam web --artifacts artifacts --out site --serve"
DEFAULT_PORT = 8000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--artifacts",
        type=Path,
        nargs="+",
        required=True,
        metavar="DIR",
        help="what 'squeezesam export --target onnx --out' wrote; the page lets its user choose "
        "among several by the names of their folders",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder to write; an earlier site is replaced"
    )
    parser.add_argument(
        "--runtime",
        type=Path,
        default=Path("node_modules"),
        metavar="DIR",
        help="node_modules folder in which npm installed onnxruntime-web (default node_modules)",
    )
    parser.add_argument(
        "--serve",
        type=int,
        nargs="?",
        const=DEFAULT_PORT,
        metavar="PORT",
        help="then serve the folder to this machine alone until Ctrl-C "
        f"(port {DEFAULT_PORT}; 0: any free one)",
    )


def run(args: argparse.Namespace) -> None:
    """Write the site and, if asked to, serve it."""
    from squeezesam_export.web_site import HOST, site_server, write_site

    write_site(args.artifacts, args.runtime, args.out)
    if args.serve is None:
        print(f"wrote {args.out}; serve it with any web server, or add --serve")
        return
    with site_server(args.out, args.serve) as server:
        print(f"wrote {args.out}; open http://{HOST}:{server.server_port}/", flush=True)
        server.serve_forever()
