// Command demo shows beckon at work on one machine: it starts three daemons,
// lets one ring another through the third in four ways, prints what the apps of
// both see, and clears everything away. scripts/demo builds and runs it.
//
// It does what any app can do: it speaks to the daemons by api/client only.
package main
