"""How a request to the API server ended, whoever made it: kubectl or a plain request."""

import json

from promises import Failure

# The API server's own word for "ask again": until its admission policies know the kinds of a new CRD it answers with 503.
NOT_YET = "There can be a delay between when CustomResourceDefinitions are created and available"
# Somebody, the controller manager as a rule, wrote the object between the read and the write of a read-modify-write.
MODIFIED = "the object has been modified"


class Result:
    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    def ok(self):
        if self.code != 0:
            raise Failure(f"{self.command}: {self.err.strip()}")
        return self

    def refused(self, *texts):
        if self.code == 0:
            raise Failure(f"{self.command}: was accepted, but should be refused with: {' ... '.join(texts)}")
        for text in texts:
            if text not in self.err:
                raise Failure(f"{self.command}: was refused without '{text}': {self.err.strip()}")
        return self

    def json(self):
        try:
            return json.loads(self.ok().out)
        except ValueError as error:
            raise Failure(f"{self.command}: the answer is no JSON: {error}") from error

    def not_yet(self):
        return self.code != 0 and NOT_YET in self.err

    def modified(self):
        return self.code != 0 and MODIFIED in self.err
