"""What wallets sign off the chain."""

import base64

from solders.keypair import Keypair

from tillway.core.services.signatures import Shown


def signed_text(wallet: Keypair, message: str) -> str:
    """Sign a text, in base64."""
    return base64.b64encode(bytes(wallet.sign_message(message.encode()))).decode()


def signed_headers(wallet: Keypair, message: str) -> dict[str, str]:
    """Give the three headers of a signature."""
    return {
        "X-Signer": str(wallet.pubkey()),
        "X-Message": message,
        "X-Signature": signed_text(wallet, message),
    }


def shown_by(wallet: Keypair, message: str, nonce: str | None = None) -> Shown:
    """Give what the core is shown of them."""
    return Shown(
        signer=str(wallet.pubkey()),
        message=message,
        signature=signed_text(wallet, message),
        nonce=nonce,
    )
