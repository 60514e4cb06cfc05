#!/usr/bin/env bash
# Two processes put the same twelve members into a hash ring of one library, and disagree
# on the owner of some users: node-1 and node-11 share points of the ring.
#
# Versions   github.com/zeromicro/go-zero v1.10.3 (core/hash), Go 1.26,
#            github.com/golang/groupcache v0.0.0-20241129210726-2c02b8208cf8 (consistenthash)
# Set-up     one ring is given its members in the order of their numbers. To another they are
#            given in the opposite order ("order"), or the same order, but number 1 is taken
#            out and put in again, as at a restart ("restart"; groupcache cannot take out).
#            100 points a member, 100,000 keys. Counted are keys with another owner.
# Behaviour  members                    go-zero: order   restart   groupcache: order
#            node-0 to node-10                       0         0                   0
#            node-0 to node-11                     932       932                   0
#            node-0 to node-19                    4913      4913                   0
#            node-00 to node-19                      0         0                   0
#            10.0.0.0 to 10.0.0.19                4975      4975                   0
#            the same with :7000                     0         0                   0
#            0 to 19                              4968      4968                4542
# A point is the hash of the name and a number, written without anything between: point 11
# of node-1 is point 1 of node-11 (groupcache writes the number first). Who has such a point
# is the last one added, or is chosen by the order of adding.
# It matters to a router that computes who holds a user: its copies agree while there are
# few nodes, then not on one user in twenty. Safe are names of which none is another one
# with digits behind it (groupcache: before it).
#
# Needs: go. Loopback is not used. Half a minute.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >main.go <<'GO'
package main

import (
	"fmt"
	"slices"

	"github.com/golang/groupcache/consistenthash"
	"github.com/zeromicro/go-zero/core/hash"
)

const keys = 100_000

type owner func(key string) string

func zero(members []string) (*hash.ConsistentHash, owner) {
	ring := hash.NewConsistentHash()
	for _, m := range members {
		ring.Add(m)
	}
	return ring, func(key string) string {
		m, _ := ring.Get(key)
		return m.(string)
	}
}

func cache(members []string) owner {
	ring := consistenthash.New(100, nil)
	ring.Add(members...)
	return ring.Get
}

func differ(a, b owner) (n int) {
	for i := range keys {
		if key := fmt.Sprint("user:", i); a(key) != b(key) {
			n++
		}
	}
	return n
}

func main() {
	for _, names := range []struct {
		format string
		n      int
	}{{"node-%d", 11}, {"node-%d", 12}, {"node-%d", 20}, {"node-%02d", 20}, {"10.0.0.%d", 20}, {"10.0.0.%d:7000", 20}, {"%d", 20}} {
		var members []string
		for i := range names.n {
			members = append(members, fmt.Sprintf(names.format, i))
		}
		opposite := slices.Clone(members)
		slices.Reverse(opposite)
		_, first := zero(members)
		_, turned := zero(opposite)
		ring, restarted := zero(members)
		ring.Remove(members[1])
		ring.Add(members[1])
		fmt.Println(names.format, names.n, differ(first, turned), differ(first, restarted), differ(cache(members), cache(opposite)))
	}
}
GO
cat >go.mod <<'MOD'
module example.com/ring

go 1.26
MOD
go get github.com/zeromicro/go-zero/core/hash@v1.10.3 github.com/golang/groupcache@v0.0.0-20241129210726-2c02b8208cf8 >/dev/null 2>&1
go build -o ring .
./ring | tee seen
diff - seen <<'SEEN' && echo "as described"
node-%d 11 0 0 0
node-%d 12 932 932 0
node-%d 20 4913 4913 0
node-%02d 20 0 0 0
10.0.0.%d 20 4975 4975 0
10.0.0.%d:7000 20 0 0 0
%d 20 4968 4968 4542
SEEN
