(func $attack (param $source i32) (param $length i32))
