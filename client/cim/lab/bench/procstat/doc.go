// Package procstat measures the CPU time and memory of processes, as the kernel
// counts them. It also has a histogram of durations.
package procstat
