-- SPDX-License-Identifier: ISC
-- Finds out whether a mailbox has room for another mail, or makes room.
--
-- KEYS  1 inbox
--       2 size
-- ARGV  1 prefix of the keys of large mails
--       2 retention in milliseconds
--       3 mails that the mailbox may have; 0: any number
--       4 bytes that it may have; 0: any number
--       5 bytes of the mail that is to come
--       6 '1' to remove the oldest mails until there is room
--
-- Returns an array. Its first element is 1 if there is room, else 0. The others are the tokens of the
-- shared frames of mails that were removed, whose references the caller has to give up.
--
-- Mails whose retention has passed are removed in any case: until then they count. One call removes
-- 500 mails at most. A mail that is larger than the whole mailbox may be gets an empty one.

local time = redis.call('TIME')
local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[2]
local mails, bytes = redis.call('XLEN', KEYS[1]), tonumber(redis.call('GET', KEYS[2]) or 0)
local mails_limit, bytes_limit = tonumber(ARGV[3]), tonumber(ARGV[4])
local function is_full()
  return mails_limit > 0 and mails >= mails_limit or
      bytes_limit > 0 and bytes > 0 and bytes + ARGV[5] > bytes_limit
end
local found, freed = {1}, 0
for step = 1, 500 do
  local entry = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  if not entry then break end
  local is_old = tonumber(string.match(entry[1], '^%d+')) < oldest
  if not is_old and not (ARGV[6] == '1' and is_full()) then break end
  local fields = entry[2]
  if fields[5] == 'f' then
    table.insert(found, fields[6])
  elseif fields[3] == 'n' then
    redis.call('UNLINK', ARGV[1] .. entry[1])
  end
  redis.call('XDEL', KEYS[1], entry[1])
  mails = mails - 1
  if fields[#fields - 1] == 'b' then
    bytes = bytes - fields[#fields]
    freed = freed + fields[#fields]
  end
end
if freed > 0 then redis.call('DECRBY', KEYS[2], freed) end
if is_full() then found[1] = 0 end
return found
