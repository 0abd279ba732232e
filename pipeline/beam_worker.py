"""A local worker process of Beam's FnApiRunner: Beam's own, less its running commentary on stderr."""

import logging
import sys

if __name__ == "__main__":
    logging.disable(logging.WARNING)
    from apache_beam.runners.worker import sdk_worker_main  # it already comments while it is imported

    sdk_worker_main.main(sys.argv)
