"""Standard contracts, fee caps, commissions (合同与佣金上限). Not built yet: its place in the layout."""
