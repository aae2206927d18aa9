-- Adds ARGV[1] failures to each key, and returns what each owed before, in
-- microseconds. A key holds when nothing is owed any more, and after a blank the ID
-- of the user whose login it is of, if there is one. For each key ARGV has
-- how long one failure is owed, the most that can be owed (0 leaves it as it
-- is), and that ID.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local n = tonumber(ARGV[1])
local owed = {}
for i, key in ipairs(KEYS) do
	local every, most = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
	local at = tonumber(string.match(redis.call('GET', key) or '', '^%d+') or 0) or 0
	local was = math.min(math.max(0, at - now), most)
	local is = was + n * every
	if is > most then
		is = was
	end
	if n == 0 or most == 0 then
		-- only looked at
	elseif is > 0 then
		local value = string.format('%.0f', now + is)
		if ARGV[3 * i + 1] ~= '' then
			value = value .. ' ' .. ARGV[3 * i + 1]
		end
		redis.call('SET', key, value, 'PX', math.ceil(is / 1000))
	else
		redis.call('DEL', key)
	end
	owed[i] = was
end
return owed
