"""Job files: what a scheduler wants to be told, one module a target. Only text is made here; nothing is submitted.

The module of a target has:

    COMMANDS            the commands that run there
    FIELDS              the fields of a job that it reads
    NEEDS               those of them that must be given
    REACHES             in words, the files that its machines see
    reaches(job, path)  whether its machines see a file
    check(job)          raises WrongFlagError where it does not have what the job asks for
    job_file(job)       the text
"""
