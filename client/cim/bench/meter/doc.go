// Package meter measures: the CPU time and memory of processes, as the kernel
// counts them, and times, in a histogram.
package meter
