# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements of `view`: the business cards that a folder shows, and its items. Imported by books.view only."""

from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, func, select

from radicale_bcm.books import cards
from radicale_bcm.books.items import CHUNK
from radicale_bcm.books.schema import alias, card, exclusion, item, member
from radicale_bcm.database.prepared import Prepared

_ALIASED = and_(alias.c.card_id == card.c.id, alias.c.collection_id == bindparam("collection_id"))
_NOT_EXCLUDED = ~exists().where(
    exclusion.c.collection_id == bindparam("collection_id"),
    exclusion.c.card_id == card.c.id,
    exclusion.c.departed.is_(None),
)
_HREF, _UID = func.coalesce(alias.c.href, card.c.href), func.coalesce(alias.c.uid, card.c.uid)
_STAYING = and_(member.c.audience_id.in_(bindparam("audiences", expanding=True)), member.c.departed.is_(None))
_MEMBERS = member.join(card, card.c.id == member.c.card_id)
_OWN = (card.c.uid, card.c.text, card.c.categories, card.c.etag, card.c.modified, card.c.revision)
_CARD = (*_OWN, member.c.audience_id)

# Most folders have no exceptions, and then the joins that look for them are not worth their time.
_SHOWN = select(card.c.id, _HREF, _UID, *_CARD).select_from(_MEMBERS.outerjoin(alias, _ALIASED))
_SHOWN = _SHOWN.where(_STAYING, _NOT_EXCLUDED)
_SHOWN_PLAINLY = select(card.c.id, card.c.href, card.c.uid, *_CARD).select_from(_MEMBERS).where(_STAYING)


def _page(query: Select[Any], size: int) -> Prepared:
    page = query.where(member.c.card_id > bindparam("last")).order_by(member.c.card_id).limit(size)
    return Prepared(page, "audiences")


BRIEF_CHUNK = 2000
CARD_PAGE, PLAIN_PAGE = _page(_SHOWN, CHUNK), _page(_SHOWN_PLAINLY, CHUNK)
_HREFS: Any = bindparam("hrefs", expanding=True)

# Looking for few cards: the card first, then whether the folder shows it. A join leaves the order to the database, and
# SQLite begins with all cards of the folder. The last column is the audience that shows the card, NULL if none does.
_STAY = (
    select(func.min(member.c.audience_id))
    .where(_STAYING, member.c.card_id == card.c.id)
    .correlate(card)
    .scalar_subquery()
    .label("audience_id")
)
_LOOKED_UP = select(card.c.id, _HREF, _UID, *_OWN, _STAY).select_from(card.outerjoin(alias, _ALIASED))
_LOOKED_UP = _LOOKED_UP.where(_NOT_EXCLUDED)
_LOOKED_UP_PLAINLY = select(card.c.id, card.c.href, card.c.uid, *_OWN, _STAY)
_RENAMED = select(card.c.id, _HREF, _UID, *_OWN, _STAY).select_from(alias.join(card, card.c.id == alias.c.card_id))
_RENAMED = _RENAMED.where(alias.c.collection_id == bindparam("collection_id"), _NOT_EXCLUDED)
_HAS_HREF = card.c.href.in_(_HREFS)
BY_HREF = Prepared(_LOOKED_UP.where(_HAS_HREF, alias.c.href.is_(None)), "hrefs", "audiences")
BY_ALIAS = Prepared(_RENAMED.where(alias.c.href.in_(_HREFS)), "hrefs", "audiences")
_HAS_ID = card.c.id.in_(bindparam("ids", expanding=True))
BY_ID = Prepared(_SHOWN.where(_HAS_ID), "ids", "audiences")
BY_ID_PLAINLY = Prepared(_LOOKED_UP_PLAINLY.where(_HAS_ID), "ids", "audiences")
BY_HREF_PLAINLY = Prepared(_LOOKED_UP_PLAINLY.where(_HAS_HREF), "hrefs", "audiences")
_NO_ITEM = ~exists().where(item.c.collection_id == bindparam("collection_id"), item.c.href == card.c.href)
WHOLE_PLAINLY = Prepared(select(*cards.COLUMNS, _STAY).where(card.c.href == bindparam("href"), _NO_ITEM), "audiences")
_TEXT = (card.c.href, card.c.etag, card.c.text, card.c.categories, _STAY)
TEXTS_PLAINLY = Prepared(_LOOKED_UP_PLAINLY.with_only_columns(*_TEXT).where(_HAS_HREF), "hrefs", "audiences")
BY_UID = (
    Prepared(_LOOKED_UP.where(card.c.uid == bindparam("uid"), alias.c.uid.is_(None)), "audiences"),
    Prepared(_RENAMED.where(alias.c.uid == bindparam("uid")), "audiences"),
)
_BRIEF = (card.c.etag, card.c.uid, member.c.audience_id)
_PLAIN_BRIEF = (card.c.id, card.c.href, card.c.etag, member.c.audience_id)
BRIEF_PAGE = _page(_SHOWN.with_only_columns(card.c.id, _HREF, _UID, *_BRIEF), BRIEF_CHUNK)
PLAIN_BRIEF_PAGE = _page(_SHOWN_PLAINLY.with_only_columns(*_PLAIN_BRIEF), BRIEF_CHUNK)
# By href: the index of that order is there.
ITEM_BRIEFS = Prepared(
    select(item.c.href, item.c.etag)
    .where(item.c.collection_id == bindparam("collection_id"), item.c.href > bindparam("last"))
    .order_by(item.c.href)
    .limit(BRIEF_CHUNK)
)
HIDDEN = Prepared(select(card.c.id, card.c.hidden).where(card.c.id.in_(bindparam("ids", expanding=True))), "ids")
UIDS = Prepared(_SHOWN.with_only_columns(_UID).order_by(_UID), "audiences")
COUNT = Prepared(_SHOWN.with_only_columns(func.count()), "audiences")
