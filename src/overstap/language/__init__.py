"""The languages that people read: texts with their gettext catalogues, and how numbers, money and times are written.

Texts are English in the code; the catalogue beside this file has the Dutch for each. `make messages` finds new ones.
"""

from overstap.language.message import Message, Money, Sentence, lazy_gettext, lazy_ngettext
from overstap.language.speech import LOCALES, Language, language

__all__ = ["LOCALES", "Language", "Message", "Money", "Sentence", "language", "lazy_gettext", "lazy_ngettext"]
