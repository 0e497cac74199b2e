"""What a client missed in one channel: all of it, or the knowledge that it cannot be said."""

import hashlib
from dataclasses import dataclass

import hiredis

from services.realtime import frames
from services.realtime.redis_wire import Commands
from services.realtime.wire import pack
from shared.broadcasting import keys

#: KEYS bus, channel, life; ARGV after. In one moment: is what came after it whole, how far does the bus reach, and what
#: is it? Without a life a channel may have been forgotten before the bus. A channel's stream is whole if nothing was
#: ever cut off, or if its first entry is not newer than `after`. What it has beyond the bus, of a bus before this one,
#: comes when the bus gets there.
REPLAY = """
local function about(key)
  local found, flat = {}, redis.call('XINFO', 'STREAM', key)
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end
local function position(id) return tonumber(string.match(id, '^(%d+)')) end

local after = tonumber(ARGV[1])
if redis.call('EXISTS', KEYS[1], KEYS[3]) < 2 then return {0, '0', {}} end
local bus = about(KEYS[1])
local last = position(bus['last-generated-id'])
local first = bus['first-entry'] and position(bus['first-entry'][1]) or last + 1
if after < first - 1 or after > last then return {0, tostring(last), {}} end
if redis.call('EXISTS', KEYS[2]) == 0 then return {1, tostring(last), {}} end
local channel = about(KEYS[2])
local whole = channel['entries-added'] == channel['length']
  or (channel['first-entry'] and after >= position(channel['first-entry'][1]))
if not whole then return {0, tostring(last), {}} end
local reach = string.match(bus['last-generated-id'], '^(%d+)')
return {1, reach, redis.call('XRANGE', KEYS[2], '(' .. ARGV[1] .. '-0', reach .. '-0')}
"""
_SHA = hashlib.sha1(REPLAY.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Missed:
    """frames: what came after the client's cursor, in order. position: how far that reaches."""

    complete: bool
    position: int
    frames: tuple[bytes, ...] = ()


NOT_WHOLE = Missed(complete=False, position=0)


async def missed(commands: Commands, channel: str, after: int) -> Missed:
    """Ask for what a channel had after a position. Raises Redis's errors."""
    words = (3, keys.BUS, keys.channel(channel), keys.LIFE, after)
    try:
        answer = await commands.ask("EVALSHA", _SHA, *words)
    except hiredis.ReplyError as error:
        if not str(error).startswith("NOSCRIPT"):
            raise
        answer = await commands.ask("EVAL", REPLAY, *words)
    complete, position, entries = answer
    if not complete:
        return NOT_WHOLE
    return Missed(complete=True, position=int(position), frames=tuple(_frame(channel, fields) for _, fields in entries))


def _frame(channel: str, flat: list[bytes]) -> bytes:
    said = dict(zip(flat[::2], flat[1::2], strict=True))
    return pack(frames.event(said[b"event"].decode(), channel, frames.encode(said[b"data"].decode())))
