//go:build !linux

package tcp

func ProgressOf(int) (Progress, bool) { return Progress{}, false }

func CopyOf(int) Copy { return Unknown }

func (c Copy) Close() {}

func (c Copy) HasRead(bool, []byte) bool { return false }
