"""What must happen at once in Redis, in Lua: members who come and go, counts of channels, nodes that live and die.

Whatever a script decides it also tells, in the same breath: the entry on the signals' stream is written where the count
changed. So a node that is killed in between leaves no member unannounced, and all nodes hear of changes in one order.
"""

#: Shared by the scripts of presence. `tell` writes what every node sends on to a channel's subscribers.
_PRESENCE = """
local function tell(signals, channel, event, data, except, kept)
  return redis.call('XADD', signals, 'MAXLEN', '~', kept, '*', 'kind', 'event',
    'event', 'pusher_internal:' .. event, 'channels', '["' .. channel .. '"]', 'data', data,
    'except', except, 'user_id', '')
end

local function hold(held, what, milliseconds)
  local time = redis.call('TIME')
  redis.call('ZADD', held, time[1] * 1000 + math.floor(time[2] / 1000) + milliseconds, what)
end

-- One connection of `user` less. Whoever has none left is told to be gone. Returns whether that was so.
local function less(keys, channel, user, kept, milliseconds)
  if redis.call('HINCRBY', keys.counts, user, -1) > 0 then return false end
  redis.call('HDEL', keys.counts, user)
  local told = redis.call('HGET', keys.members, user)
  redis.call('HDEL', keys.members, user)
  local leaves = told and string.match(told, '^(.-)%z') or ''
  tell(keys.signals, channel, 'member_removed', leaves, '', kept)
  hold(keys.held, 'removed ' .. channel .. ' ' .. user, milliseconds)
  return true
end
"""

#: KEYS connections, counts, members, present, fresh, held, signals
#: ARGV field, user, "leaves NUL comes", channel, socket, most, kept, mode: join | silent | aloud
#: Returns -1 if the channel is full, else: first, whether the user had left a moment ago, the last signal, all members.
JOIN = (
    _PRESENCE
    + """
local connections, counts, members, present, fresh, held, signals = unpack(KEYS)
local field, user, told, channel, socket, most, kept, mode = unpack(ARGV)
local first, returned = 0, 0
if redis.call('HEXISTS', connections, field) == 0 then
  if redis.call('HEXISTS', counts, user) == 0 then
    if mode == 'join' and redis.call('HLEN', counts) >= tonumber(most) then return -1 end
    first = 1
    redis.call('HSET', members, user, told)
  end
  redis.call('HSET', connections, field, user)
  redis.call('HINCRBY', counts, user, 1)
  redis.call('HINCRBY', present, channel, 1)
end
if first == 1 then
  returned = redis.call('ZREM', held, 'removed ' .. channel .. ' ' .. user)
  -- After a wipe everybody who is here knows it, but for those who joined since, or were told that the user left.
  if mode ~= 'silent' or returned == 1 or redis.call('EXISTS', fresh) == 1 then
    tell(signals, channel, 'member_added', string.match(told, '%z(.*)$'), socket, kept)
  end
end
if mode == 'join' then redis.call('SET', fresh, '1', 'EX', '15') end
local last = redis.call('XREVRANGE', signals, '+', '-', 'COUNT', 1)
return {first, returned, last[1] and last[1][1] or '0-0', redis.call('HVALS', members)}
"""
)

#: KEYS connections, counts, members, present, held, signals; ARGV field, channel, kept, milliseconds
#: Returns the user if that was their last connection, else nothing.
LEAVE = (
    _PRESENCE
    + """
local user = redis.call('HGET', KEYS[1], ARGV[1])
if not user then return false end
redis.call('HDEL', KEYS[1], ARGV[1])
if redis.call('HINCRBY', KEYS[4], ARGV[2], -1) <= 0 then redis.call('HDEL', KEYS[4], ARGV[2]) end
local keys = {counts = KEYS[2], members = KEYS[3], held = KEYS[5], signals = KEYS[6]}
return less(keys, ARGV[2], user, ARGV[3], ARGV[4]) and user
"""
)

#: KEYS lease, connections, counts, members, present, held, signals; ARGV node, channel, kept, milliseconds
#: Returns the users of one channel who went with a dead node; nothing if another node was here before, or if it lives.
REAP_MEMBERS = (
    _PRESENCE
    + """
local gone = {}
if redis.call('EXISTS', KEYS[1]) == 1 then return gone end
local keys = {counts = KEYS[3], members = KEYS[4], held = KEYS[6], signals = KEYS[7]}
local mine = ARGV[1] .. ':'
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, #mine) == mine then
    redis.call('HDEL', KEYS[2], all[i])
    if less(keys, ARGV[2], all[i + 1], ARGV[3], ARGV[4]) then gone[#gone + 1] = all[i + 1] end
  end
end
redis.call('HDEL', KEYS[5], ARGV[2])
return gone
"""
)

_OCCUPANCY = """
local function hold(held, channel, milliseconds)
  local time = redis.call('TIME')
  redis.call('ZADD', held, time[1] * 1000 + math.floor(time[2] / 1000) + milliseconds, 'vacated ' .. channel)
end
"""

#: KEYS of this node, of all, held; ARGV milliseconds, silent: 0 | 1, then channel and count by turns
#: Returns channel, subscriptions of all nodes, and whether it was empty for long, by turns, of what changed.
COUNT = (
    _OCCUPANCY
    + """
local changed = {}
for i = 3, #ARGV, 2 do
  local channel, now = ARGV[i], tonumber(ARGV[i + 1])
  local more = now - tonumber(redis.call('HGET', KEYS[1], channel) or 0)
  if now == 0 then redis.call('HDEL', KEYS[1], channel) else redis.call('HSET', KEYS[1], channel, now) end
  if more ~= 0 then
    local all, occupied = redis.call('HINCRBY', KEYS[2], channel, more), 0
    if all <= 0 then
      redis.call('HDEL', KEYS[2], channel)
      hold(KEYS[3], channel, ARGV[1])
    elseif all == more and redis.call('ZREM', KEYS[3], 'vacated ' .. channel) == 0 and ARGV[2] == '0' then
      occupied = 1
    end
    for _, value in ipairs({channel, all, occupied}) do changed[#changed + 1] = value end
  end
end
return changed
"""
)

#: KEYS lease, of the dead node, of all, held; ARGV milliseconds. Returns whether there is more.
REAP_COUNTS = (
    _OCCUPANCY
    + """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local some = redis.call('HSCAN', KEYS[2], '0', 'COUNT', '500')[2]
for i = 1, #some, 2 do
  redis.call('HDEL', KEYS[2], some[i])
  if redis.call('HINCRBY', KEYS[3], some[i], -some[i + 1]) <= 0 then
    redis.call('HDEL', KEYS[3], some[i])
    hold(KEYS[4], some[i], ARGV[1])
  end
end
return redis.call('EXISTS', KEYS[2])
"""
)

#: KEYS lease, nodes, reaped; ARGV node, seconds. Returns whether it had its lease, and whether it was taken for dead.
RENEW = """
local had = redis.call('EXISTS', KEYS[1])
redis.call('SET', KEYS[1], '1', 'EX', ARGV[2])
redis.call('SADD', KEYS[2], ARGV[1])
return {had, redis.call('DEL', KEYS[3])}
"""

#: KEYS lease, nodes, reaped; ARGV node. Marks a node as dead unless it lives. Returns whether it is dead.
CONDEMN = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[3], '1', 'EX', '86400')
return 1
"""

#: KEYS lease, nodes, present, occupied; ARGV node. Forgets a dead node when nothing is left of it.
FORGET = """
if redis.call('EXISTS', KEYS[1], KEYS[3], KEYS[4]) == 0 then redis.call('SREM', KEYS[2], ARGV[1]) end
"""

#: KEYS held. Takes what has been so for long enough: whoever gets it tells it, and nobody else does.
SETTLE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, 500)
for _, what in ipairs(due) do redis.call('ZREM', KEYS[1], what) end
return due
"""
