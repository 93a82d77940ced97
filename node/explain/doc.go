// Package explain is the causal timeline of one invitation and what it comes
// to: steps as data, their words for people, the verdict that says why it did or
// did not ring, and how the timelines of two devices become one.
//
//	Trail.Add -> Pending -> the journal -> Collect -> Merge -> Judge
//
// Everything here is a pure function of what it is given. The package must not
// know a clock, the network, the journal, or how apps are answered. A step has
// no content and no response, ever.
package explain
