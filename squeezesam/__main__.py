"""`python -m squeezesam`, which is also how torchrun starts a training process."""

import sys

from squeezesam.cli import main

sys.exit(main())
