// Package javacim makes the Redis commands by which CIM's own routes, which are written
// in Java, would have stored data. It is for tests of imports.
package javacim

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Data collects the commands that fill CIM's Redis.
type Data struct {
	Commands [][]any
	sequence int64
}

// Account adds an account.
func (d *Data) Account(user int64, name string) {
	d.Set(fmt.Sprint("cim-account:", user), name)
	d.Set(name, fmt.Sprint("cim-account:", user))
}

// Set adds a key with a string.
func (d *Data) Set(key, value string) { d.Commands = append(d.Commands, []any{"set", key, value}) }

// Waits adds a message that has waited for its receiver since the time at. It returns the
// message's id.
func (d *Data) Waits(from int64, name string, to int64, text string, at time.Time) int64 {
	d.sequence++
	id := (at.UnixMilli()-1622505600000)<<22 | 1<<12 | d.sequence%4096
	d.WaitsAs(id, from, name, to, text, at)
	return id
}

// WaitsAs is like Waits, for a message whose id is given.
func (d *Data) WaitsAs(id, from int64, name string, to int64, text string, at time.Time) {
	message, _ := json.Marshal(map[string]any{ // never fails
		"messageId": id, "receiveUserId": to, "content": text, "messageType": 0, "status": 0,
		"createdAt":  at.Format("2006-01-02T15:04:05.999999999"),
		"properties": map[string]string{"sendUserId": strconv.FormatInt(from, 10), "sendUserName": name, "receiveUserId": strconv.FormatInt(to, 10)},
	})
	// CIM gives the JSON text to a serializer, which encodes it as a JSON string.
	value, _ := json.Marshal(string(message))
	key := fmt.Sprint("offline:msg:", id)
	d.Commands = append(d.Commands,
		[]any{"set", key, string(value)}, []any{"expire", key, 7 * 24 * 3600},
		[]any{"rpush", fmt.Sprint("offline:msg:user:", to), strconv.FormatInt(id, 10)})
}

// Delivered adds the commands by which CIM removes messages that a receiver has fetched.
func (d *Data) Delivered(to int64, ids ...int64) {
	for _, id := range ids {
		d.Commands = append(d.Commands,
			[]any{"del", fmt.Sprint("offline:msg:", id)}, []any{"lrem", fmt.Sprint("offline:msg:user:", to), 0, strconv.FormatInt(id, 10)})
	}
}
