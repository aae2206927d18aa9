-- Adds ARGV[1] failures to each key, and returns what each owed before, in
-- microseconds. A key holds when nothing is owed any more. For each key ARGV has
-- how long one failure is owed, and the most that can be owed: 0 leaves it as it
-- is.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local n = tonumber(ARGV[1])
local owed = {}
for i, key in ipairs(KEYS) do
	local every, most = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
	local at = tonumber(redis.call('GET', key) or 0) or 0
	local was = math.min(math.max(0, at - now), most)
	local is = was + n * every
	if is > most then
		is = was
	end
	if n == 0 or most == 0 then
		-- only looked at
	elseif is > 0 then
		redis.call('SET', key, string.format('%.0f', now + is), 'PX', math.ceil(is / 1000))
	else
		redis.call('DEL', key)
	end
	owed[i] = was
end
return owed
