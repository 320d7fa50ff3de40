-- Decimal numbers of 64 bits, which have no room in those of Lua: `high * 10^10 + low`, with `low`
-- from 0 to 10^10.

local HALF = 10000000000

-- A sum of halves; nothing if it is out of range.
local function sum(high, low)
  local carry = math.floor(low / HALF)
  high, low = high + carry, low - carry * HALF
  local is_above = high > 922337203 or (high == 922337203 and low > 6854775807)
  local is_below = high < -922337204 or (high == -922337204 and low < 3145224192)
  if not is_above and not is_below then
    return high, low
  end
end

-- The halves of a text; nothing if it is no number as Redis counts on.
local function halves(text)
  local minus, digits = string.match(text, '^(%-?)([1-9]%d*)$')
  if text == '0' then
    minus, digits = '', '0'
  end
  if not digits or #digits > 19 then
    return
  end
  local sign = minus == '-' and -1 or 1
  local high = tonumber(string.sub(digits, 1, -11)) or 0
  return sum(sign * high, sign * tonumber(string.sub(digits, -10)))
end

local function decimal(high, low)
  local minus = ''
  if high < 0 then
    minus, high = '-', -high
    if low > 0 then
      high, low = high - 1, HALF - low
    end
  end
  if high == 0 then
    return string.format('%s%.0f', minus, low)
  end
  return string.format('%s%.0f%010.0f', minus, high, low)
end

-- A number and another added, as text; nothing, and what is wrong, if it cannot be.
local function add(text, delta)
  local high, low = halves(text)
  if not high then
    return nil, 'number'
  end
  local more_high, more_low = halves(delta)
  high, low = sum(high + more_high, low + more_low)
  if not high then
    return nil, 'overflow'
  end
  return decimal(high, low)
end

