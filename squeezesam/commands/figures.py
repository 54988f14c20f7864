"""`squeezesam figures`: every figure and picture that hangs on the weights, made again."""

import argparse
from pathlib import Path

from squeezesam.errors import ConfigError, OutputError
from squeezesam.files import check_place
from squeezesam.networks.configs import DEFAULT_DETECTOR, VARIANTS
from squeezesam.spec import DETECTOR, INPUT_SIZE, SEGMENTER

HELP = "make every figure and picture that hangs on the weights, and write the page of results"
GROUP = "measure"
EXAMPLE = "squeezesam figures --data DATA --docs docs"
DOCS = Path("docs")
KEEP = Path("runs/figures")
CARD = Path(__file__).parents[1] / "zoo" / "MODEL_CARD.md"
PAGE_NAME = "results.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DATA",
        help="its folder `val` holds the sets (and `train/ecssd` the detector's held-out photos)",
    )
    parser.add_argument(
        "--model", type=Path, nargs="+", help="weights; default: all that are shipped"
    )
    parser.add_argument("--detector", type=Path, help="weights; default: the shipped ones")
    parser.add_argument(
        "--size", type=int, help=f"input size of the segmenter (default {INPUT_SIZE})"
    )
    parser.add_argument(
        "--limit", type=int, help="a quick look: only N photos of each data set, evenly spread"
    )
    parser.add_argument(
        "--docs",
        type=Path,
        default=DOCS,
        help=f"folder that gets {PAGE_NAME} and `pictures` (default {DOCS})",
    )
    parser.add_argument(
        "--into",
        type=Path,
        nargs="+",
        default=[CARD],
        metavar="FILE.md",
        help="documents that quote tables between `<!-- figures:begin NAME -->` and "
        "`<!-- figures:end -->` (default: the model card)",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        default=KEEP,
        help="folder of results; what is there for the same weights, data and options is not "
        f"measured again, so clear it after a change of the code (default {KEEP})",
    )


def run(args: argparse.Namespace) -> None:
    """Measure what is not kept, then write pictures, page and documents."""
    from squeezesam.evaluation.run import check_limit
    from squeezesam.figures.documents import all_tables, check_documents, fill_blocks, write_page
    from squeezesam.figures.measuring import Plan, measure, sets_of
    from squeezesam.figures.pictures import draw_pictures, worst_of_parts
    from squeezesam.image_io import write_image
    from squeezesam.inference.load import WEIGHTS_SUFFIX, load
    from squeezesam.inference.saliency_predictor import SaliencyPredictor
    from squeezesam.networks.weights import ZOO, shipped_weights

    check_limit(args.limit)
    sets, held_out = sets_of(args.data)
    shipped = (ZOO / f"{variant}.safetensors" for variant in VARIANTS)
    paths = args.model or [path for path in shipped if path.is_file()]
    models = {path.stem: path for path in paths}
    if len(models) < len(paths):
        raise ConfigError("two --model have one name; rename one")
    detector = args.detector or shipped_weights(DEFAULT_DETECTOR)
    for path in (*paths, detector):
        if path.suffix != WEIGHTS_SUFFIX:
            raise ConfigError(f"{path} is no {WEIGHTS_SUFFIX}; artifacts are for `squeezesam eval`")
    plan = Plan(sets, held_out, models, detector, args.keep, args.limit, args.size)
    networks = [load(path, plan.size, kind=SEGMENTER) for path in models.values()]
    predictor = SaliencyPredictor(networks[0], load(detector, kind=DETECTOR))
    check_documents(args.into)
    page = args.docs / PAGE_NAME
    if page.is_dir():
        raise OutputError(f"{page} is a directory; remove it")
    check_place(args.keep, ("*",))
    check_place(args.docs, ("*",))
    measured = measure(plan)
    tables = all_tables(plan, measured)
    pictures = draw_pictures(predictor, args.docs / "pictures")
    worst = worst_of_parts(next(iter(measured.prompted.values())), sets, predictor)
    if worst is not None:
        pictures.append(args.docs / "pictures" / "failures.jpg")
        write_image(worst, pictures[-1])
    write_page(page, tables, pictures, plan)
    for path in args.into:
        fill_blocks(path, tables, plan)
    for path in (*pictures, page, *args.into):
        print(f"wrote {path}")
