# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliberate bugs: each one textual change, and the tests that have to notice it. Imported by the command and by the
test that each still applies."""

from dataclasses import dataclass

_HISTORIES = ("tests/property/test_histories.py", "-k", "exactly")


@dataclass(frozen=True)
class Mutant:
    """A bug: in the file at `path`, the one place with the text `old` says `new`. `tests` are arguments of pytest."""

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


def _only(path: str, expression: str) -> tuple[str, ...]:
    return (f"tests/{path}.py", "-k", expression)


MUTANTS = (
    Mutant(
        "the write lock is not taken",
        "radicale_bcm/database/sqlite.py",
        'driver.execute("BEGIN IMMEDIATE")',
        'driver.execute("BEGIN")',
        _only("http/test_races", "sqlite and one_if_match"),
    ),
    Mutant(
        "the state is committed before the business database",
        "radicale_bcm/sync/unit.py",
        "with self.state.writer() as conn, ExitStack() as business:",
        "with ExitStack() as business, self.state.writer() as conn:",
        _HISTORIES,
    ),
    Mutant(
        "a failed unit of work is committed",
        "radicale_bcm/sync/unit.py",
        "if unit.failed:\n",
        "if not unit:\n",
        _only("contract/test_trust_history", "sqlite and dry_run"),
    ),
    Mutant(
        "a sync-token is off by one",
        "radicale_bcm/books/revisions.py",
        "    return claimed.revision\n",
        "    return claimed.revision + 1\n",
        _HISTORIES,
    ),
    Mutant(
        "the nonce of a sync-token is ignored",
        "radicale_bcm/books/revisions.py",
        "    if not rows or rows[0][0] != claimed.nonce:",
        "    if not rows:",
        _only("contract/test_folder_tokens", "nonce"),
    ),
    Mutant(
        "of many changed items only the first are told",
        "radicale_bcm/books/items.py",
        "    if len(texts) <= FEW:\n",
        "    if texts or removed:\n",
        _only("contract/test_told", "sqlite and changes"),
    ),
    Mutant(
        "a GET trusts what is remembered of an address book",
        "radicale_bcm/server/getting.py",
        "        if stamp == known.stamp:\n",
        "        if stamp:\n",
        _only("property/test_fast_answers", "set_up"),
    ),
    Mutant(
        "PostgreSQL is not told where a transaction begins",
        "radicale_bcm/database/postgresql.py",
        "            if begin:\n",
        "            if not begin:\n",
        _only("contract/test_prepared", "postgresql"),
    ),
    Mutant(
        "a plain contact leaves no tombstone when it is moved or promoted",
        "radicale_bcm/books/items.py",
        '            "deleted_revision": revision,\n',
        '            "deleted_revision": 0,\n',
        _HISTORIES,
    ),
    Mutant(
        "a card that moves to another address leaves no tombstone at the old one",
        "radicale_bcm/books/places.py",
        "if last and before[0] != to[0]:",
        "if last < 0 and before[0] != to[0]:",
        ("tests/contract/test_folder_tokens.py",),
    ),
    Mutant(
        "a card that left a filter stays in its audience",
        "radicale_bcm/sync/audience.py",
        "    for number in sorted(leaving):\n",
        "    for number in sorted(now - now):\n",
        _HISTORIES,
    ),
    Mutant(
        "what left a filter is never told",
        "radicale_bcm/books/delta.py",
        "                removed.add(fact.href)\n    return",
        "                pass\n    return",
        _HISTORIES,
    ),
    Mutant(
        "a card that was never shown is told as removed",
        "radicale_bcm/books/delta.py",
        "            elif any(each.end > max(revision, fact.placed) for each in shown):\n",
        "            else:\n",
        _HISTORIES,
    ),
    Mutant(
        "REV comes from the clock",
        "radicale_bcm/contacts/render.py",
        "        modified = server.modified\n",
        "        modified = datetime.now(UTC)\n",
        ("tests/unit/test_card.py",),
    ),
    Mutant(
        "an ETag does not know the category",
        "radicale_bcm/books/view.py",
        "return f'\"{etag}{renamed}{tag}\"'",
        "return f'\"{etag}{renamed}\"'",
        _HISTORIES,
    ),
    Mutant(
        "a wildcard of LIKE in a value is not escaped",
        "radicale_bcm/contacts/filter_sql_text.py",
        'f"!{char}" if char in "%_!" else char',
        "char",
        _only("property/test_filters", "postgresql"),
    ),
    Mutant(
        "the set-up of any principal is taken",
        "radicale_bcm/books/setups.py",
        "row = conn.execute(_SETUPS.where(setup.c.principal == principal)).one_or_none()",
        "row = conn.execute(_SETUPS).first()",
        _HISTORIES,
    ),
    Mutant(
        "a set-up is saved for everybody",
        "radicale_bcm/books/setups.py",
        "conn.execute(update(setup).where(setup.c.principal == values.principal).values(row))",
        'conn.execute(update(setup).values({**row, "principal": setup.c.principal}))',
        _HISTORIES,
    ),
    Mutant(
        "the card of a change has no history row",
        "radicale_bcm/sync/project.py",
        "    _record_history(unit, changed, cause, action, changes)\n",
        "",
        _only("contract/test_trust_history", "sqlite and client_does_to_a_business"),
    ),
    Mutant(
        "a plain contact has no history row",
        "radicale_bcm/sync/plain.py",
        "        history.write(unit.conn, unit.revision, unit.at, unit.actor, *row, row_note)\n",
        "",
        _HISTORIES,
    ),
    Mutant(
        "If-Match is compared with what was shown, not with the record",
        "radicale_bcm/sync/apply.py",
        "    if card.origin_id != unit.origin.id:\n        return card\n    record",
        "    if card.origin_id:\n        return card\n    record",
        _only("contract/test_folder_tokens", "if_match"),
    ),
    Mutant(
        "the removal policy is ignored",
        "radicale_bcm/contacts/edit.py",
        'return BY_NAME[name].removal == "keep"',
        "return False",
        _only("http/test_business_cards", "sqlite and few_clients_show"),
    ),
    Mutant(
        "the bound on deletes is ten times as high",
        "radicale_bcm/sync/guard.py",
        "    return done >= max(unit.options.max_deletes, int((shown + done) * SHARE))",
        "    return done >= 10 * max(unit.options.max_deletes, int((shown + done) * SHARE))",
        _only("contract/test_trust_deleted", "sqlite and bound"),
    ),
    Mutant(
        "the bound on vanishing records is not kept",
        "radicale_bcm/sync/losses.py",
        "if count + recent <= bound(unit, shown + recent):",
        "if count:",
        _only("contract/test_source_lost", "sqlite"),
    ),
    Mutant(
        "the bound on vanishing records forgets what went a moment ago",
        "radicale_bcm/sync/losses.py",
        "if count + recent <= bound(unit, shown + recent):",
        "if count <= bound(unit, shown):",
        _only("contract/test_source_lost", "sqlite"),
    ),
    Mutant(
        "too many cards leave a filter at once",
        "radicale_bcm/sync/pull.py",
        "            held.add(number)\n",
        "            continue\n",
        _only("contract/test_source_lost", "sqlite"),
    ),
    Mutant(
        "the set-up's category is taken for the record's",
        "radicale_bcm/sync/apply.py",
        "        client=sent.client,\n        ignore_categories=categories,\n"
        "        link=link_to(unit, card.record_id),\n    )\n\n",
        "        client=sent.client,\n        link=link_to(unit, card.record_id),\n    )\n\n",
        _only("http/test_business_cards", "sqlite and category_that_a_person"),
    ),
    Mutant(
        "a merge gives the field to the wrong side",
        "radicale_bcm/contacts/edit.py",
        'elif now != base.get(name, "") and not client_wins:',
        'elif now != base.get(name, "") and client_wins:',
        _only("http/test_conflicts", "sqlite and database_wins"),
    ),
    Mutant(
        "a merge takes the newest version for what the client had",
        "radicale_bcm/sync/apply.py",
        "    if sent.matched:\n        return current\n    version",
        "    if sent.text:\n        return current\n    version",
        _only("http/test_conflicts", "sqlite and both_sides_changes"),
    ),
    Mutant(
        "a soft delete is a hard one",
        "radicale_bcm/business/records.py",
        "        self.connection.execute(statement.values(deleted_at=at or datetime.now(UTC), deleted_by=who))\n",
        "        self.connection.execute(statement.values(deleted_at=at or datetime.now(UTC), deleted_by=who))\n"
        "        self.connection.execute(contact.delete().where(contact.c.id == rows.key_of(record_id)))\n",
        _only("contract/test_records", "sqlite"),
    ),
    Mutant(
        "a look takes changes off the log before they are shown",
        "radicale_bcm/sync/pull.py",
        "        pending = feed.pending(limit)\n",
        "        pending = feed.pending(limit)\n        feed.acknowledge([each.seq for each in pending])\n",
        _only("contract/test_folder_tokens", "process_was_gone"),
    ),
    Mutant(
        "text in a vCard is not escaped",
        "radicale_bcm/contacts/escaping.py",
        '_NEEDS_ESCAPE = re.compile(r"[\\\\,;\\n\\r]")',
        '_NEEDS_ESCAPE = re.compile(r"[\\\\\\n\\r]")',
        _only("property/test_card_roundtrip", "not nothing"),
    ),
    Mutant(
        "a promoted card stands at an address of its own",
        "radicale_bcm/sync/promote.py",
        "            take = decision.record is None or decision.resumed or decision.same_uid\n",
        "            take = False\n",
        _only("contract/test_promote", "sqlite and long_ago"),
    ),
    Mutant(
        "a promoted contact gets another UID",
        "radicale_bcm/sync/promotion.py",
        "    if not copy and 0 < len(candidate.uid) <= UID_LENGTH and candidate.uid.isprintable():\n",
        "    if copy and 0 < len(candidate.uid) <= UID_LENGTH and candidate.uid.isprintable():\n",
        _only("contract/test_promote", "sqlite and same_href_and_uid"),
    ),
    Mutant(
        "the same text once more is a change",
        "radicale_bcm/sync/plain.py",
        "    if old and old.text == new.text and old.uid == new.uid:\n        return old\n",
        "",
        _HISTORIES,
    ),
    Mutant(
        "a read-only folder takes contacts",
        "radicale_bcm/sync/plain.py",
        'if own and own.access == "ro":',
        'if own and own.access == "none":',
        _only("http/test_permissions", "sqlite"),
    ),
    Mutant(
        "a card enters a folder where a promoted one has its address",
        "radicale_bcm/books/collisions.py",
        "for query in (own.where(_of(collection_id)), other.where(_of(collection_id)), given):",
        "for query in (own.where(_of(collection_id)), other.where(_of(collection_id))):",
        _only("contract/test_folder_tokens", "promoted_in_its"),
    ),
    Mutant(
        "a card that is back at its address is told as gone",
        "radicale_bcm/books/delta.py",
        "            if buried - changed:\n",
        "            if buried - buried:\n",
        _only("contract/test_folder_tokens", "is_back_where"),
    ),
    Mutant(
        "a purge leaves the values in the history",
        "radicale_bcm/sync/trash.py",
        "    history.forget_record(unit.conn, unit.origin.id, record_id)\n",
        "",
        _only("contract/test_trust_deleted", "sqlite and leaves_nothing"),
    ),
    Mutant(
        "a purge leaves an empty card in the folders",
        "radicale_bcm/sync/trash.py",
        "        project(unit, unit.origin, record_id, None)\n",
        "",
        _only("contract/test_trust_deleted", "sqlite and before_anybody"),
    ),
    Mutant(
        "an undo takes the number among the Deleted Items for the contact",
        "radicale_bcm/sync/undo_plain.py",
        "if not kept or (kept[0].path, kept[0].href, kept[0].deleted_at) != (entry.path, entry.href, entry.at):",
        "if not kept:",
        _only("contract/test_trust_history", "sqlite and no_other"),
    ),
    Mutant(
        "a delta forgets cards that left or came back without their audience",
        "radicale_bcm/books/delta.py",
        " and not folder.shown.had_exceptions:",
        ":",
        _only("contract/test_folder_tokens", "quarantine_that_is_taken_back"),
    ),
    Mutant(
        "a poll is answered from memory although something has changed",
        "radicale_bcm/server/repeated.py",
        "if self._storage.site.state.stamp() != known.stamp:",
        "if not known.stamp:",
        _only("property/test_repeated_polls", "first"),
    ),
    Mutant(
        "a poll from memory does not look at the business database",
        "radicale_bcm/server/repeated.py",
        "        self._storage.pull()\n",
        "",
        _only("property/test_repeated_polls", "first"),
    ),
    Mutant(
        "a poll from memory outlives its password",
        "radicale_bcm/server/repeated.py",
        'said.append(f"{logins.st_size} {logins.st_mtime_ns}")',
        'said.append("")',
        _only("property/test_repeated_polls", "first"),
    ),
    Mutant(
        "a note that says something new counts as done",
        "radicale_bcm/sync/feed.py",
        "        done, self._done = self._done, []\n        return notes",
        "        done = self._done\n        return notes",
        _only("contract/test_interrupted", "sqlite and an_edit_is_whole"),
    ),
    Mutant(
        "lines that changed places are left in the index as they were",
        "radicale_bcm/books/indexing.py",
        "    if then != still:",
        "    if False:",
        _only("contract/test_search_index", "sqlite and made_anew"),
    ),
    Mutant(
        "an edit tells the index what the rest of the card forbids to tell",
        "radicale_bcm/books/indexing.py",
        "if start < len(key) or text.startswith(ODD, start):",
        "if start < len(key):",
        _only("contract/test_search_index", "sqlite and made_anew"),
    ),
    Mutant(
        "a record is not read again after somebody's trigger changed it",
        "radicale_bcm/business/records.py",
        "is_all = before.type == DEFAULT_TYPE and found[0] == version + 1",
        "is_all = before.type == DEFAULT_TYPE",
        _only("contract/test_records", "trigger_of_somebody"),
    ),
)
