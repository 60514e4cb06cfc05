package op

import "strconv"

// Text returns an answer as a string. It returns an empty string for nil.
func Text(reply any) string {
	s, _ := reply.(string)
	return s
}

// Integer reads a number from an answer. It returns zero if the answer is nil or is not a
// number.
func Integer(reply any) int64 {
	switch v := reply.(type) {
	case int64:
		return v
	case string:
		n, _ := strconv.ParseInt(v, 10, 64)
		return n
	default:
		return 0
	}
}

// ClockMs reads the answer to TIME, which has seconds and microseconds, and returns ms.
func ClockMs(reply any) int64 {
	r, _ := reply.([]any)
	if len(r) != 2 {
		return 0
	}
	return Integer(r[0])*1000 + Integer(r[1])/1000
}

// Scored is a member of a sorted set.
type Scored struct {
	Member string
	Score  float64
}

// ScoredList reads the answer to a command with the option WITHSCORES. It is a list of
// pairs in RESP3, and a flat list in RESP2.
func ScoredList(reply any) []Scored {
	members, _ := reply.([]any)
	var list []Scored
	for i := 0; i < len(members); i++ {
		pair, ok := members[i].([]any)
		if !ok {
			pair = members[i:min(i+2, len(members))]
			i++
		}
		if len(pair) == 2 {
			list = append(list, Scored{Text(pair[0]), Score(pair[1])})
		}
	}
	return list
}

// score reads a score, which is a number in RESP3 and text in RESP2.
func Score(reply any) float64 {
	if f, ok := reply.(float64); ok {
		return f
	}
	f, _ := strconv.ParseFloat(Text(reply), 64)
	return f
}
