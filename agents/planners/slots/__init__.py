"""What a sentence names: the metric, the time, the change, people, things. Pure: text in, frozen values out."""
