"""What Redis does to append facts to the bus and to their channels: in one step, so that nobody sees a half of it."""

from collections.abc import Sequence

import redis

from shared.broadcasting import keys

GONE = -1

#: KEYS: the bus, the life. ARGV: a fresh life, its seconds, whether the bus may be made, the position before these, how
#: many entries bus and channel keep, a channel's seconds; then for each entry its id, event, channels as JSON, data,
#: time, the number of its channels' streams, and their keys.
APPEND = """
local bus, life = KEYS[1], KEYS[2]
if redis.call('EXISTS', bus) == 1 then
  local about = redis.call('XINFO', 'STREAM', bus)
  local last = ''
  for i = 1, #about, 2 do
    if about[i] == 'last-generated-id' then last = about[i + 1] end
  end
  -- A Redis that went back in time, or a bus that nobody has trimmed for long: readers would miss what is not there.
  if tonumber(string.match(last, '^%d+')) < tonumber(ARGV[4]) or redis.call('EXISTS', life) == 0 then
    redis.call('DEL', bus, life)
    return -1
  end
elseif ARGV[3] == '0' then
  redis.call('DEL', life)
  return -1
end
redis.call('SET', life, ARGV[1], 'NX', 'EX', ARGV[2])

local at, written = 8, 0
while at <= #ARGV do
  local id, event, data, count = ARGV[at], ARGV[at + 1], ARGV[at + 3], tonumber(ARGV[at + 5])
  local added = redis.pcall('XADD', bus, 'MAXLEN', '~', ARGV[5], id, 'event', event, 'channels', ARGV[at + 2],
                            'data', data, 'occurred_at', ARGV[at + 4])
  if type(added) == 'table' and added.err then
    -- Another relay was faster, also with the channels.
    if not string.find(added.err, 'equal or smaller', 1, true) then return added end
  else
    written = written + 1
    for i = at + 6, at + 5 + count do
      local entry = {'XADD', ARGV[i], 'MAXLEN', '~', ARGV[6], id, 'event', event, 'data', data}
      local kept = redis.pcall(unpack(entry))
      if type(kept) == 'table' and kept.err then  -- of another life of this bus, or of another database
        redis.call('DEL', ARGV[i])
        redis.call(unpack(entry))
      end
      redis.call('EXPIRE', ARGV[i], ARGV[7])
    end
  end
  at = at + 6 + count
end
return written
"""

#: How long the life lasts without a relay that trims the bus. A channel lives longer than the bus by this much: so as
#: long as there is a life, a channel without a stream is one of which nothing can be missing.
LIFE_SECONDS = keys.CHANNEL_SECONDS - keys.BUS_SECONDS


def append(client: redis.Redis, life: str, arguments: Sequence[str | int], *, since: int, anew: bool) -> int:
    """Append entries, in one round trip; return how many were new, or GONE if the bus is not what it was."""
    head: list[str | int] = [
        life,
        LIFE_SECONDS,
        int(anew),
        since,
        keys.BUS_KEPT,
        keys.CHANNEL_KEPT,
        keys.CHANNEL_SECONDS,
    ]
    script = client.register_script(APPEND)
    return int(script(keys=[keys.BUS, keys.LIFE], args=[*head, *arguments]))
