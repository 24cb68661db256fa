package postgres

// TakeOver is what a relay does to connect.
var TakeOver = takeOver
