package proto

import (
	"errors"
	"strconv"
)

// MaxNumber is the largest number in JSON and in queries, and -MaxNumber the smallest.
// Browsers and Redis's scripts compute with floating-point numbers, which are exact up to
// MaxNumber.
const MaxNumber int64 = 1<<53 - 1

var errNumber = errors.New("not a whole number of at most 53 bits")

// ParseNumber reads a number of a query, in decimal digits. It returns an error if the
// number is beyond MaxNumber.
func ParseNumber(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || !ExactNumber(n) {
		return 0, errNumber
	}
	return n, nil
}

// ExactNumber reports whether n is between -MaxNumber and MaxNumber.
func ExactNumber(n int64) bool { return -MaxNumber <= n && n <= MaxNumber }
