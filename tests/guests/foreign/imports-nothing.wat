;; Wants nothing, so that it is not the guest of this world.
(component
)
