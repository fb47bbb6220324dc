"""An authenticator: everybody who knows the passphrase of the day comes in."""

from jupyterhub.auth import Authenticator
from traitlets import Unicode


class PassphraseAuthenticator(Authenticator):
    passphrase = Unicode(help="What everybody has to know.").tag(config=True)

    async def authenticate(self, handler, data):
        if self.passphrase and data["password"] == self.passphrase:
            return data["username"]
        return None
