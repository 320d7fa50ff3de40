module counter

go 1.25

require go.bytecodealliance.org/pkg v0.4.0

// A part of that module, so that the build needs no network.
replace go.bytecodealliance.org/pkg => ../pkg
