"""Job files: what a scheduler wants to be told, one module a target.

A module has `COMMANDS` (which commands run there), `FLAGS` (which of the job's fields it reads), `NEEDS` (which of them
have no default), `REACHES` (in words, which files its machines see), `reaches(job, path)`, and `job_file(job)`, the
text. Only text is made here: nothing is submitted.
"""
