package record

import (
	"strconv"

	"github.com/cim-go/cim/proto"
)

// text returns an answer as a string. It returns an empty string for nil.
func text(reply any) string {
	s, _ := reply.(string)
	return s
}

// integer reads a number from an answer. It returns zero if the answer is nil or no
// number.
func integer(reply any) int64 {
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

// parseEpoch reads an epoch as the store keeps it, and returns zero if that fails.
func parseEpoch(s string) proto.Epoch {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0
	}
	return proto.Epoch(n)
}

// clockMs reads the answer to TIME, which has seconds and microseconds, and returns ms.
func clockMs(reply any) int64 {
	r, _ := reply.([]any)
	if len(r) != 2 {
		return 0
	}
	return integer(r[0])*1000 + integer(r[1])/1000
}

// scored is a member of a sorted set.
type scored struct {
	member string
	score  float64
}

// scoredList reads an answer to a command WITHSCORES. It is a list of pairs in RESP3,
// and a flat list in RESP2.
func scoredList(reply any) []scored {
	members, _ := reply.([]any)
	var list []scored
	for i := 0; i < len(members); i++ {
		pair, ok := members[i].([]any)
		if !ok {
			pair = members[i:min(i+2, len(members))]
			i++
		}
		if len(pair) == 2 {
			list = append(list, scored{text(pair[0]), score(pair[1])})
		}
	}
	return list
}

// score reads a score, which is a number in RESP3 and text in RESP2.
func score(reply any) float64 {
	if f, ok := reply.(float64); ok {
		return f
	}
	f, _ := strconv.ParseFloat(text(reply), 64)
	return f
}
