/// What the seedbox takes, keeps and does at most. Each of its parts has its bounds in an extension
/// of this beside its code, under this one name.
enum Limits {}
